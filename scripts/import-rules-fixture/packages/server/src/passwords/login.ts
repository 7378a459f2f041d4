import type { client } from '../registry/client.ts';

export const login: typeof client = 'client';
