import { client } from '../registry/client.ts';

export const owner = client;
