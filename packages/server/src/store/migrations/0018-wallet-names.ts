/** The names of wallets. A row stays for ever, also of a name that was removed, so no name ever means another wallet. */
export const name = '0018-wallet-names';

export const statements: readonly string[] = [
  `create table wallet_name (
     realm text not null, name text not null, wallet_id text not null, given_at bigint not null, removed_at bigint,
     primary key (realm, name))`,
  `create unique index wallet_name_of_wallet on wallet_name (realm, wallet_id) where removed_at is null`,
];
