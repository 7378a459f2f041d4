/** Device cookies of a credential from before this time are no longer accepted. */
export const name = '0005-devices';

export const statements: readonly string[] = [`alter table credential add column devices_after bigint`];
