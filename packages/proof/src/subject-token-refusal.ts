import { addTexts } from './error-text.ts';

/** Faults of tokens that are no access tokens. */
export const subjectTokenTexts = {
  'transaction_token.claim': 'A claim of the transaction token does not have its shape.',
  'transaction_token.lifetime': 'The transaction token lives for longer than a minute.',
  'wallet_token.claim': 'A claim of the wallet token does not have its shape.',
  'wallet_token.lifetime': 'The wallet token lives for longer than five minutes.',
} as const;

addTexts(subjectTokenTexts);
