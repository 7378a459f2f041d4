import { type Ancestor, isJsonObject, type JsonObject } from '@countersign/proof';
import type { Context } from '../context.ts';
import { realmKey } from '../kernel/id.ts';
import { goneAmong } from '../subject/tokens/ancestor.ts';
import { findCapability } from './capability.store.ts';

/** "Authorizations": the stored facts about a registered delegation. */
interface Authorization {
  readonly target: string;
  readonly isRevoked: boolean;
  /** Milliseconds. */
  readonly expiresAt: number;
  /** The signature of the registered document. Another document with the same id is not registered. */
  readonly proofValue: string;
  /** What the server made it from. Empty if a device has signed it. */
  readonly ancestors: readonly Ancestor[];
  /** The last use, as it was when this was read. */
  readonly usedAt: number | null;
}

function lookUpAuthorization(context: Context, realm: string, id: string): Promise<Authorization | undefined> {
  return context.cache.get('capability', realmKey(realm, id), async () => {
    const row = await findCapability(context.store.db, realm, id);
    return (
      row && {
        target: row.target,
        isRevoked: row.revoked_at !== null,
        expiresAt: row.expires_at,
        proofValue: row.proof_value,
        ancestors: row.ancestors === null ? [] : (JSON.parse(row.ancestors) as readonly Ancestor[]),
        usedAt: row.used_at,
      }
    );
  });
}

interface PresentedLink {
  readonly id: string;
  readonly proofValue: string;
}

/** The delegations of a verified chain, the first one first. */
export function linksOf(tail: JsonObject): readonly PresentedLink[] {
  const links: PresentedLink[] = [];
  for (let link: unknown = tail; isJsonObject(link); ) {
    const proof = link.proof as JsonObject;
    links.push({ id: link.id as string, proofValue: proof.proofValue as string });
    link = (proof.capabilityChain as readonly unknown[]).at(-1);
  }
  return links.reverse();
}

/**
 * The ancestors of a chain's links, or why the chain may not be used, checked link by link from the root. Verifying the
 * signatures of a chain is not enough.
 */
export async function ancestorsOfChain(
  context: Context,
  realm: string,
  target: string,
  links: readonly PresentedLink[],
): Promise<readonly Ancestor[] | Error> {
  const ancestors: Ancestor[] = [];
  for (const [i, { id, proofValue }] of links.entries()) {
    const known = await lookUpAuthorization(context, realm, id);
    const refuse = (reason: string) => new Error(`link ${i + 1} of ${links.length}: ${reason}`);
    if (known === undefined || known.target !== target) return refuse('not registered for this target');
    if (known.isRevoked) return refuse('revoked');
    if (known.proofValue !== proofValue) return refuse('not the document that was registered');
    ancestors.push(...known.ancestors);
  }
  const gone = await goneAmong(context, realm, ancestors);
  return gone === undefined ? ancestors : new Error(gone);
}

/** When a capability that was just verified was used before, from the cache. */
export async function usedBefore(context: Context, realm: string, id: string): Promise<number | null> {
  return (await lookUpAuthorization(context, realm, id))?.usedAt ?? null;
}

/** The same check for our own token, which names the links only by their ids. */
export async function revokedLink(context: Context, realm: string, ids: readonly string[]): Promise<Error | undefined> {
  for (const [i, id] of ids.entries()) {
    const known = await lookUpAuthorization(context, realm, id);
    if (known === undefined || known.isRevoked) return new Error(`link ${i + 1} of ${ids.length}: revoked`);
  }
  return undefined;
}
