import { chain } from './chain.ts';

export const ring: unknown = chain;
