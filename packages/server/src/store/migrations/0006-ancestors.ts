/** The ancestors of a capability, the beginning of a continued session, and who disabled a credential. */
export const name = '0006-ancestors';

export const statements: readonly string[] = [
  `alter table capability add column ancestors text`,
  `alter table session add column began_at bigint`,
  `alter table credential add column disabled_by text`,
];
