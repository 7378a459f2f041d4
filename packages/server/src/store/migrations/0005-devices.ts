/** Devices that a credential has logged in from are known by a cookie of theirs, until this. */
export const name = '0005-devices';

export const statements: readonly string[] = [`alter table credential add column devices_after bigint`];
