import { createHash } from 'node:crypto';

export const secret = createHash;
