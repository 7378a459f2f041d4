import type { CapabilityExplanation, CapabilityRefusal, ExplainedInvocation, ExplainedLink } from '@countersign/proof';
import { visible } from './terminal.ts';

/** The key is neither in the document nor known, so the signature could not be checked. */
const unknownKeys: readonly string[] = ['did.unknown', 'did_peer.unknown', 'integrity.key_unknown'];

type Row = readonly [name: string, value: string | undefined];

/** All faults of the capability. Without the owner's document, an unknown key is not a fault. */
export function refusalsIn(explained: CapabilityExplanation, knowsOwner: boolean): readonly CapabilityRefusal[] {
  const { links, invocation, refusals } = explained;
  const ofLinks = links.flatMap((link) => link.refusals.filter((one) => knowsOwner || !isUnknownKey(one)));
  return [...refusals, ...ofLinks, ...(invocation?.refusals ?? [])];
}

/** Text for people: one paragraph for each link, from the root to the tail, and one for the invocation. */
export function explanationText(explained: CapabilityExplanation, knowsOwner: boolean): string {
  const { kind, links, invocation, refusals } = explained;
  const paragraphs = links.map((link, at) => paragraph(`${at}. ${link.kind}`, linkRows(link, knowsOwner)));
  if (invocation !== undefined) paragraphs.push(paragraph('invocation', invocationRows(invocation)));
  if (kind === 'unreadable') paragraphs.push(paragraph('unreadable', refusals.map(refused)));
  return `${[...paragraphs, verdict(explained, knowsOwner)].join('\n\n')}\n`;
}

function linkRows(link: ExplainedLink, knowsOwner: boolean): readonly Row[] {
  const { id, target, controllers, actions, created, expires, signedBy, refusals } = link;
  return [
    ['id', id],
    ['for', target],
    ['held by', controllers?.join(', ')],
    // A link that could not be read allows nothing.
    ['allows', target === undefined ? undefined : (actions?.join(', ') ?? 'everything')],
    ['signed by', signedBy],
    ['from', time(created)],
    ['until', time(expires)],
    ...refusals.map((one) => (isUnknownKey(one) && !knowsOwner ? unchecked : refused(one))),
  ];
}

function invocationRows(invocation: ExplainedInvocation): readonly Row[] {
  const { type, audience, action, target, created, expires, signedBy, refusals } = invocation;
  return [
    ['type', text(type)],
    ['to', text(audience)],
    ['does', action],
    ['on', target],
    ['signed by', signedBy],
    ['from', time(created)],
    ['until', time(expires)],
    ...refusals.map(refused),
  ];
}

const unchecked: Row = ['not checked', 'its signature: name the DID document of the owner with --owner'];

function refused({ code, text, pointer }: CapabilityRefusal): Row {
  return ['refused', `${code}${pointer === '' ? '' : ` at ${pointer}`}: ${text}`];
}

function verdict(explained: CapabilityExplanation, knowsOwner: boolean): string {
  const { length } = refusalsIn(explained, knowsOwner);
  if (length > 0) return `It would be refused, for ${length === 1 ? 'one reason' : `${length} reasons`}.`;
  return 'Nothing in it speaks against it. Whether it is registered, and not revoked, the realm knows.';
}

function paragraph(title: string, rows: readonly Row[]): string {
  const said = rows.filter(([, value]) => value !== undefined);
  return [title, ...said.map(([name, value]) => `   ${name.padEnd(12)} ${bounded(value as string)}`)].join('\n');
}

/** The maker of the document must not control our terminal: no control characters, and no endless values. */
function bounded(value: string): string {
  const plain = visible(value);
  return plain.length > 300 ? `${plain.slice(0, 300)}…` : plain;
}

function time(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

function text(value: unknown): string | undefined {
  return value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value);
}

function isUnknownKey({ code }: CapabilityRefusal): boolean {
  return unknownKeys.includes(code);
}
