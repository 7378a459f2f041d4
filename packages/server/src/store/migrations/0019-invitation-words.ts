/** What an inviter says to the invited person, and in which language. Null in rows of older releases. */
export const name = '0019-invitation-words';

export const statements: readonly string[] = [
  `alter table wallet_invitation add column language text`,
  `alter table wallet_invitation add column inviter_name text`,
  `alter table wallet_invitation add column message text`,
];
