/** Passwords, sessions and related tables. */
export const name = '0002-passwords';

export const statements: readonly string[] = [
  `alter table identity add column disabled_at bigint`,
  `alter table credential add column disabled_at bigint`,
  `alter table credential add column email text`,
  `create index identity_by_profile on identity (realm, profile_id)`,
  // Credentials of the release before had no subject.
  `insert into subject (realm, id, kind, generation)
     select realm, 'credential:' || id, 'credential', 1 from credential`,
  // Codes are folded from now on, as far as a database can. If two would become equal, both stay as they are.
  `update credential set code = lower(code) where lower(code) <> code and not exists (
     select 1 from credential as other where other.realm = credential.realm and other.id <> credential.id
       and lower(other.code) = lower(credential.code))`,
  `create table password (
     realm text not null, credential_id text not null, version bigint not null, hash text, created_at bigint not null,
     expires_at bigint, expired_at bigint, compromised_at bigint, primary key (realm, credential_id, version))`,
  `create table factor (
     realm text not null, credential_id text not null, id text not null, kind text not null, name text not null, sealed text,
     state text not null, created_at bigint not null, confirmed_at bigint, used_at bigint, version bigint not null default 0,
     primary key (realm, credential_id, id))`,
  `create table session (
     realm text not null, id text not null, token_digest text not null, subject_id text not null, generation bigint not null,
     subject text not null, amr text not null, acr text not null, auth_time bigint not null, source text, agent text,
     created_at bigint not null, seen_at bigint not null, ends_at bigint not null, ended_at bigint, ended_by text,
     restriction text, primary key (realm, id))`,
  `create unique index session_by_token on session (token_digest)`,
  `create index session_by_subject on session (realm, subject_id)`,
  `create index session_by_end on session (ends_at)`,
  `create table one_time_code (
     realm text not null, purpose text not null, digest text not null, owner text not null, created_at bigint not null,
     expires_at bigint not null, primary key (realm, purpose, digest))`,
  `create index one_time_code_by_owner on one_time_code (realm, purpose, owner)`,
  `create index one_time_code_by_end on one_time_code (expires_at)`,
  `create table login_failure (
     realm text not null, key text not null, failures bigint not null, resets_at bigint not null, primary key (realm, key))`,
  `create index login_failure_by_end on login_failure (resets_at)`,
  `create table blocked_password (sha1 text primary key)`,
];
