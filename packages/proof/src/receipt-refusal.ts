import { addTexts } from './error-text.ts';

/** The reasons for refusing a receipt. The texts are fixed and contain no part of the input. */
export const receiptTexts = {
  'receipt.type': 'The document is not a receipt.',
  'receipt.claims': 'A claim of the receipt does not have its shape.',
  'receipt.issuer': 'The receipt is one of another issuer.',
  'receipt.key_revoked': 'The key that signed the receipt was compromised: a thief of the key may have written it.',
  'receipt.message': 'The receipt is one of another message.',
  'receipt.signature': 'The signature in the receipt is not one over this message by the key in the receipt.',
} as const;

addTexts(receiptTexts);
