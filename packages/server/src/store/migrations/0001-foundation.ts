/**
 * The first schema. `bigint` is an integer on both databases (epoch milliseconds outgrow 32 bits). `realm` leads every
 * primary key of a realm's entries.
 */
export const name = '0001-foundation';

export const statements: readonly string[] = [
  `create table meta (name text primary key, value text not null)`,
  `create table counter (name text primary key, value bigint not null)`,
  `create table change (seq bigint primary key, topic text not null, key text not null, at bigint not null)`,
  `create table lease (name text primary key, holder text not null, expires_at bigint not null)`,
  `create table sealed (name text primary key, value text not null)`,
  `create table used_once (realm text not null, key text not null, expires_at bigint not null, primary key (realm, key))`,
  `create index used_once_by_end on used_once (expires_at)`,
  `create table event (
     id text primary key, realm text not null, at bigint not null, type text not null, object text not null,
     actor text not null, request_id text not null, before text, after text, seq bigint unique, hash text)`,
  `create index event_unsealed on event (id) where seq is null`,
  `create index event_by_realm on event (realm, seq)`,
  `create table revocation (
     realm text not null, kind text not null, key text not null, generation bigint, seq bigint not null, at bigint not null,
     expires_at bigint not null, primary key (realm, kind, key))`,
  `create index revocation_by_seq on revocation (realm, seq)`,
  `create index revocation_by_end on revocation (expires_at)`,
  `create table realm (
     name text primary key, profile text not null, settings text not null, created_at bigint not null, updated_at bigint not null)`,
  `create table signing_key (
     realm text not null, kid text not null, purpose text not null, alg text not null, public_jwk text not null,
     sealed_jwk text not null, created_at bigint not null, active_at bigint, unpublished_at bigint, primary key (realm, kid))`,
  // Only one next key at a time, whichever node makes it.
  `create unique index signing_key_next on signing_key (realm, purpose) where active_at is null`,
  `create table subject (
     realm text not null, id text not null, kind text not null, generation bigint not null, suspended_at bigint,
     ended_at bigint, primary key (realm, id))`,
  `create table client (
     realm text not null, id text not null, subject_id text not null, participant_id text, name text not null,
     scope text not null, audiences text not null, secrets text not null, created_at bigint not null,
     updated_at bigint not null, ended_at bigint, version bigint not null default 0, primary key (realm, id))`,
  `create unique index client_by_participant on client (realm, participant_id) where participant_id is not null`,
  `create table participant (
     realm text not null, id text not null, organisation_id text not null, role text not null, status text not null,
     base_url text, signature_form text, organisation text not null, resources text not null, approved_by text, approved_at bigint,
     created_at bigint not null, updated_at bigint not null, version bigint not null default 0, primary key (realm, id))`,
  `create index participant_by_organisation on participant (realm, organisation_id)`,
  `create table participant_key (
     realm text not null, participant_id text not null, thumbprint text not null, jwk text not null,
     not_before bigint not null, not_after bigint, created_at bigint not null, primary key (realm, participant_id, thumbprint))`,
  `create table key_owner (
     realm text not null, thumbprint text not null, organisation_id text not null, primary key (realm, thumbprint))`,
  `create table application (
     realm text not null, id text not null, status text not null, role text not null, base_url text,
     organisation text not null, contact text not null, jwk text not null, thumbprint text not null, code_digest text,
     participant_id text, client_id text, decided_by text, created_at bigint not null, updated_at bigint not null,
     version bigint not null default 0, primary key (realm, id))`,
  `create index application_by_status on application (realm, status)`,
  `create table product (
     realm text not null, id text not null, name text not null, description text, created_at bigint not null,
     updated_at bigint not null, primary key (realm, id))`,
  `create table product_network (
     realm text not null, id text not null, name text not null, description text, product_id text,
     created_at bigint not null, updated_at bigint not null, primary key (realm, id))`,
  `create table product_network_participant (
     realm text not null, network_id text not null, participant_id text not null,
     primary key (realm, network_id, participant_id))`,
  `create table lender_network_filter (realm text not null, id text not null, document text not null, primary key (realm, id))`,
  `create table server_whitelisting_item (
     realm text not null, id text not null, participant_id text, document text not null, primary key (realm, id))`,
  `create index server_whitelisting_item_by_participant on server_whitelisting_item (realm, participant_id)`,
  `create table identity_profile (
     realm text not null, id text not null, name text not null, created_at bigint not null, updated_at bigint not null,
     primary key (realm, id))`,
  `create table password_profile (
     realm text not null, id text not null, config text not null, created_at bigint not null, updated_at bigint not null,
     primary key (realm, id))`,
  `create table identity (
     realm text not null, id text not null, profile_id text not null, name text not null, created_at bigint not null,
     updated_at bigint not null, primary key (realm, id))`,
  `create table credential (
     realm text not null, id text not null, identity_id text not null, type text not null, code text not null,
     created_at bigint not null, updated_at bigint not null, primary key (realm, id))`,
  `create unique index credential_by_code on credential (realm, code)`,
  `create index credential_by_identity on credential (realm, identity_id)`,
];
