/**
 * The id of a passkey belongs to one credential of the realm. Rows of an older release have null until
 * `nameOldPasskeys` fills it.
 */
export const name = '0011-passkey-ids';

export const statements: readonly string[] = [
  `alter table factor add column passkey text`,
  `create unique index factor_by_passkey on factor (realm, passkey)`,
  `create index factor_without_passkey on factor (realm, id) where kind = 'passkey' and passkey is null`,
];
