import { owner } from '../callers/owner.ts';

export const post = owner;
