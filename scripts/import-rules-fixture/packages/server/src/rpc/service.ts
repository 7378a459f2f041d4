import { wallet } from '../wallets/wallet.ts';

export const service = wallet;
