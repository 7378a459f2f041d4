import { client } from '../registry/client.ts';

export const migrate = client;
