/** Why a receipt is refused. The texts are fixed and hold nothing of what was presented. */
export const receiptTexts = {
  'receipt.type': 'The document is not a receipt.',
  'receipt.claims': 'A claim of the receipt does not have its shape.',
  'receipt.issuer': 'The receipt is one of another issuer.',
  'receipt.key_revoked': 'The key that signed the receipt was compromised: anybody may have written it.',
  'receipt.message': 'The receipt is one of another message.',
  'receipt.signature': 'The signature in the receipt is not one over this message by the key in the receipt.',
} as const;
