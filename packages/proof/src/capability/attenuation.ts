import { type Checks, number, optional } from '../argument.ts';
import type { ProofCode } from '../error.ts';
import { type Link, readControllers } from './link.ts';
import type { RootCapability } from './root.ts';
import { isTargetWithin } from './target.ts';

/** The rights of a link's controllers. They can pass on these rights, and no more. */
export interface Authority {
  readonly controllers: readonly string[];
  readonly target: string;
  /** Undefined: every action. */
  readonly actions: readonly string[] | undefined;
  /** Epoch milliseconds, like all times; infinity for a root. */
  readonly expires: number;
  readonly created: number;
}

export interface AttenuationTerms {
  /** The present, in epoch milliseconds. */
  readonly now: number;
  /** Milliseconds that the delegator's clock may be ahead. An expiry has no such tolerance. Default 30,000. */
  readonly clockTolerance?: number | undefined;
  /** The largest number of milliseconds from the making of a delegation to its expiry. Default: no limit. */
  readonly maxLifetime?: number | undefined;
}

export const attenuationTermChecks: Checks<AttenuationTerms> = {
  now: number,
  clockTolerance: optional(number),
  maxLifetime: optional(number),
};

export const defaultTolerance = 30_000;

/** A root allows everything on its target, for ever. */
export function rootAuthority(root: RootCapability): Authority {
  const controllers = readControllers(root.controller) ?? [];
  return { controllers, target: root.invocationTarget, actions: undefined, expires: Infinity, created: -Infinity };
}

interface Check {
  readonly code: ProofCode;
  /** The member of the link that is checked, as a pointer relative to the link. */
  readonly member: string;
  /** Written so that a time of NaN fails the check. */
  readonly holds: (link: Link, parent: Authority, terms: AttenuationTerms) => boolean;
}

/** Every limit that a link must keep: those of its parent, and its own. The first failed check is the refusal. */
export const attenuationChecks: readonly Check[] = [
  {
    code: 'capability.target_exceeds',
    member: 'invocationTarget',
    holds: (link, parent) => isTargetWithin(link.target, parent.target),
  },
  {
    code: 'capability.actions_missing',
    member: 'allowedAction',
    holds: (link, parent) => parent.actions === undefined || link.actions !== undefined,
  },
  {
    code: 'capability.actions_exceed',
    member: 'allowedAction',
    holds: ({ actions = [] }, parent) => actions.every((action) => allows(parent, action)),
  },
  {
    code: 'capability.expires_exceeds',
    member: 'expires',
    holds: (link, parent) => link.expires <= parent.expires,
  },
  {
    code: 'capability.expired',
    member: 'expires',
    holds: (link, _, { now }) => now < link.expires && (link.proofExpires === undefined || now < link.proofExpires),
  },
  {
    code: 'capability.created_before_parent',
    member: 'proof/created',
    holds: (link, parent) => link.created >= parent.created,
  },
  {
    code: 'capability.created_in_future',
    member: 'proof/created',
    holds: (link, _, { now, clockTolerance = defaultTolerance }) => link.created <= now + clockTolerance,
  },
  {
    code: 'capability.expires_before_created',
    member: 'expires',
    holds: (link) => link.created < link.expires,
  },
  {
    code: 'capability.lifetime',
    member: 'expires',
    holds: (link, _, { maxLifetime }) => maxLifetime === undefined || link.expires - link.created <= maxLifetime,
  },
];

export function allows(authority: Pick<Authority, 'actions'>, action: string): boolean {
  return authority.actions === undefined || authority.actions.includes(action);
}

/** The authority of a link that has passed all checks: the intersection of its parent's authority and its own claims. */
export function attenuated(parent: Authority, link: Link): Authority {
  const { controllers, target, actions = parent.actions, created } = link;
  const expires = Math.min(parent.expires, link.expires, link.proofExpires ?? Infinity);
  return { controllers, target, actions, expires, created };
}
