/**
 * An application may be for another role of an organisation, and keeps the reason of its rejection. A participant has
 * an address that only administrators and the participant see, and a list of the requests that were refused to it.
 */
export const name = '0013-onboarding-and-refusals';

export const statements: readonly string[] = [
  `alter table application add column organisation_id text`,
  `alter table application add column reason text`,
  `alter table participant add column contact text`,
  `create table refusal (
     realm text not null, participant_id text not null, id text not null, proved bigint not null, request text not null,
     reason text not null, source text not null, count bigint not null, first_at bigint not null, last_at bigint not null,
     request_id text, primary key (realm, participant_id, id))`,
  `create index refusal_by_time on refusal (last_at)`,
  `create index refusal_by_participant on refusal (realm, participant_id, proved, last_at)`,
];
