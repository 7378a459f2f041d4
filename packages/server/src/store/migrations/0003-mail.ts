export const name = '0003-mail';

export const statements: readonly string[] = [
  `create table mail (
     realm text not null, id text not null, reference text, purpose text not null, state text not null, sealed text,
     attempts bigint not null, next_at bigint, give_up_at bigint not null, reason text, created_at bigint not null,
     settled_at bigint, primary key (realm, id))`,
  // Few mails wait, however many were sent before.
  `create index mail_due on mail (next_at) where next_at is not null`,
  `create index mail_settled on mail (settled_at) where settled_at is not null`,
  `create index mail_by_reference on mail (realm, reference) where reference is not null`,
];
