export const name = '0004-wallets';

export const statements: readonly string[] = [
  `create table realm_did (
     realm text not null, did text not null, long_did text not null, signing_key text not null,
     sealed_keys text not null, created_at bigint not null,
     primary key (realm))`,
  `create table wallet (
     realm text not null, id text not null, type text not null, description text not null, roles text not null,
     owner_did text, owner_long_did text, signing_key text, web_did text, sealed_keys text,
     created_at bigint not null, opened_at bigint,
     primary key (realm, id))`,
  `create table wallet_invitation (
     realm text not null, id text not null, wallet_id text not null, inviter text not null, created_at bigint not null,
     expires_at bigint not null, completed_at bigint, cancelled_at bigint, primary key (realm, id))`,
  `create table capability (
     realm text not null, id text not null, target text not null, parent_id text not null, controller text not null,
     actions text not null, expires_at bigint not null, document text not null, proof_value text not null,
     created_at bigint not null, revoked_at bigint, primary key (realm, id))`,
  `create index capability_by_target on capability (realm, target, id)`,
  `create index capability_by_controller on capability (realm, controller)`,
];
