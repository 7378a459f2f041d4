/** When deleted identities and credentials are removed. */
export const name = '0015-deletions';

export const statements: readonly string[] = [
  `alter table identity add column remove_at bigint`,
  `alter table credential add column remove_at bigint`,
  `create index identity_by_removal on identity (remove_at) where remove_at is not null`,
  `create index credential_by_removal on credential (remove_at) where remove_at is not null`,
];
