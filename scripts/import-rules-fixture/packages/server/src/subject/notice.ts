import { letter } from '../mail/letter.ts';

export const notice = letter;
