import { readFileSync } from 'node:fs';

export const digest = readFileSync;
