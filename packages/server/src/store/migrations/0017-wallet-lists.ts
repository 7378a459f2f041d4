/** Finds invitations by wallet and address, and wallets by their owner. */
export const name = '0017-wallet-lists';

export const statements: readonly string[] = [
  `create index wallet_invitation_of_wallet on wallet_invitation (realm, wallet_id)`,
  `create index wallet_invitation_by_email on wallet_invitation (realm, email)`,
  `create index wallet_by_owner on wallet (realm, owner_did)`,
];
