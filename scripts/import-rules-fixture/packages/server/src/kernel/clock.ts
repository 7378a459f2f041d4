import { open } from '../store/open.ts';

export const clock = open;
