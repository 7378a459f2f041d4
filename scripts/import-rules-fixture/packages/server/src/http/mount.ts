import { client } from '../registry/client.ts';

export const mount = client;
