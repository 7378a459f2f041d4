import { password } from '../passwords/password.ts';

export const wallet = password;
