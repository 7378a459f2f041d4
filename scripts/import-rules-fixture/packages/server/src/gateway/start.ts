import { client } from '../registry/client.ts';

export const start = client;
