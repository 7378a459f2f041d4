import { select } from '../passwords/passwords.store.ts';

export const shortcut = select;
