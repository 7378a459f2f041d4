import type { ring } from './ring.ts';

export const chain: typeof ring = 'ring';
