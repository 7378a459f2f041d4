import { wallet } from '../wallets/wallet.ts';

export const participant = wallet;
