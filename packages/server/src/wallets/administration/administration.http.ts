import { z } from 'zod';
import { administrator } from '../../callers/administrator.ts';
import { pageOf, pageQuery, pageSchema } from '../../http/page.ts';
import { nothing } from '../../http/route.ts';
import { isoDate } from '../../kernel/clock.ts';
import { languages } from '../../kernel/language.ts';
import { lineOfText } from '../../kernel/text.ts';
import { type Route, route } from '../../route.ts';
import { pageOfCapabilities } from '../capability.ts';
import { cancelInvitation } from '../invitation.ts';
import { resendInvitation } from '../resend.ts';
import { walletTarget } from '../target.ts';
import {
  deleteInvitation,
  deleteWallet,
  pageOfInvitations,
  pageOfWallets,
  requireAdministered,
  requireAdministeredInvitation,
  stepWallet,
  type WalletStep,
} from './administration.ts';

const administration = { tag: 'Administration', caller: administrator } as const;
const wallets = '/realms/:realm/admin/wallets';
const invitations = '/realms/:realm/admin/wallet-invitations';
const walletSchema = z.object({
  id: z.string(),
  participant: z.enum(['individual', 'organization']),
  description: z.string(),
  roles: z.array(z.string()),
  /** urn:countersign:wallet-name:… */
  name: z.string().nullable(),
  status: z.enum(['WAITING', 'ACTIVE', 'SUSPENDED']),
  /** The owner's DID. */
  did: z.string().nullable(),
  webDid: z.string().nullable(),
  email: z.string().nullable(),
  createdAt: z.string(),
  openedAt: z.string().nullable(),
  readOnlyUntil: z.string().nullable(),
});
const capabilitySchema = z.object({
  id: z.string(),
  parentId: z.string(),
  controller: z.string(),
  actions: z.array(z.string()),
  expiresAt: z.string(),
  revokedAt: z.string().optional(),
  /** The last use, noted once a day. */
  usedAt: z.string().optional(),
});
const invitationSchema = z.object({
  id: z.string(),
  walletId: z.string(),
  email: z.string().nullable(),
  inviter: z.string(),
  status: z.enum(['SENT', 'COMPLETED', 'EXPIRED', 'CANCELLED', 'FAILED']),
  createdAt: z.string(),
  expiresAt: z.string(),
  language: z.enum(languages),
  /** As the inviter gave them, or empty. */
  inviterName: z.string(),
  message: z.string(),
});

export const routes: readonly Route[] = [
  route({
    ...administration,
    method: 'GET',
    path: wallets,
    operationId: 'listWallets',
    summary: 'Wallets by id; with `email` or `did`, those with that address, owner or holder.',
    query: pageQuery.extend({ email: lineOfText().optional(), did: lineOfText().optional() }),
    answers: { 200: pageSchema(walletSchema) },
    handle: ({ context, who: { realm }, query: { email, did, ...page } }) =>
      pageOfWallets(context, realm, { email, did }, pageOf(page)),
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${wallets}/:id`,
    operationId: 'readWallet',
    summary: 'One wallet.',
    answers: { 200: walletSchema },
    handle: ({ context, who: { realm }, params: { id } }) => requireAdministered(context, realm, id),
  }),
  step('suspend', 'Suspend a wallet: its devices are refused, and its tokens end, those for services too.'),
  step('reinstate', 'Reinstate a suspended wallet. Earlier tokens stay dead.'),
  route({
    ...administration,
    method: 'DELETE',
    path: `${wallets}/:id`,
    operationId: 'deleteWallet',
    summary:
      'Delete a wallet with the keys of its owner. Its capabilities and tokens end, and its id is never used again.',
    answers: { 204: 'Deleted.' },
    handle: ({ context, who: { realm, caller }, params: { id } }) => deleteWallet(context, realm, id, caller),
  }),
  route({
    ...administration,
    method: 'GET',
    path: `${wallets}/:id/capabilities`,
    operationId: 'listWalletCapabilities',
    summary: 'The capabilities of a wallet by id; with `revoked=true` also revoked ones.',
    query: pageQuery.extend({ revoked: z.enum(['true', 'false']).optional() }),
    answers: { 200: pageSchema(capabilitySchema) },
    async handle({ context, who: { realm }, params: { id }, query: { revoked, ...page } }) {
      const { id: walletId } = await requireAdministered(context, realm, id);
      const { limit, after } = pageOf(page);
      const wanted = { revoked: revoked === 'true', size: limit, token: after };
      const { items, next } = await pageOfCapabilities(context, realm, walletTarget(walletId), wanted);
      const shown = items.map(({ expires, revoked: ended, used, actions, ...rest }) => ({
        ...rest,
        actions: [...actions],
        expiresAt: isoDate(expires),
        ...(ended === undefined ? {} : { revokedAt: isoDate(ended) }),
        ...(used === undefined ? {} : { usedAt: isoDate(used) }),
      }));
      return { items: shown, ...(next === undefined ? {} : { next }) };
    },
  }),
  route({
    ...administration,
    method: 'GET',
    path: invitations,
    operationId: 'listWalletInvitations',
    summary: 'Invitations to wallets by id; with `email`, those sent to that address.',
    query: pageQuery.extend({ email: lineOfText().optional() }),
    answers: { 200: pageSchema(invitationSchema) },
    handle: ({ context, who: { realm }, query: { email, ...page } }) =>
      pageOfInvitations(context, realm, email, pageOf(page)),
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${invitations}/:id/cancel`,
    operationId: 'cancelWalletInvitation',
    summary: 'Cancel an open invitation: its code opens nothing any more.',
    body: nothing,
    bodyOptional: true,
    answers: { 204: 'Cancelled.' },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await cancelInvitation(context, realm, id, { kind: 'administrator', name: caller.actor }, caller);
    },
  }),
  route({
    ...administration,
    method: 'POST',
    path: `${invitations}/:id/resend`,
    operationId: 'resendWalletInvitation',
    summary: 'Send an invitation again, with a new code: the code before opens nothing any more. Five times a day.',
    body: nothing,
    bodyOptional: true,
    answers: { 200: invitationSchema },
    async handle({ context, who: { realm, caller }, params: { id } }) {
      await resendInvitation(context, realm, id, { kind: 'administrator', name: caller.actor }, caller);
      return requireAdministeredInvitation(context, realm, id);
    },
  }),
  route({
    ...administration,
    method: 'DELETE',
    path: `${invitations}/:id`,
    operationId: 'deleteWalletInvitation',
    summary: 'Delete an invitation, and the wallet if it still waits for it.',
    answers: { 204: 'Deleted.' },
    handle: ({ context, who: { realm, caller }, params: { id } }) => deleteInvitation(context, realm, id, caller),
  }),
];

function step(name: WalletStep, summary: string): Route {
  return route({
    ...administration,
    method: 'POST',
    path: `${wallets}/:id/${name}`,
    operationId: `${name}Wallet`,
    summary,
    body: nothing,
    bodyOptional: true,
    answers: { 200: walletSchema },
    handle: ({ context, who: { realm, caller }, params: { id } }) => stepWallet(context, realm, id, name, caller),
  });
}
