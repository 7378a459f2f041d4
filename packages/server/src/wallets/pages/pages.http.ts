import { z } from 'zod';
import { anybodyInRealm } from '../../callers/realm.ts';
import { webPage } from '../../http/pages/web-page.ts';
import { type Language, languageNamed, preferredLanguage } from '../../kernel/language.ts';
import { type Call, type Route, route } from '../../route.ts';
import { showInvitation } from '../invitation-view.ts';
import { invitationPage } from './invitation-page.ts';
import { recoveryPage } from './recovery-page.ts';

/** The pages that mails about wallets lead to. They only explain: a GET changes nothing, so a mail filter may follow it. */

const page = {
  method: 'GET',
  tag: 'Wallets',
  caller: anybodyInRealm,
  answers: { 200: 'text/html' },
} as const;

export const routes: readonly Route[] = [
  route({
    ...page,
    path: '/realms/:realm/wallets/invitation',
    operationId: 'explainInvitation',
    summary:
      'The page that the mail of an invitation leads to: what to do with the code, in the language of the invitation, of `language` (en, hi, pt, fr) or of the browser. `id`: of the invitation, whose words are shown while it is open.',
    query: z.object({ id: z.string().optional(), language: z.string().optional() }),
    async handle({ call, context, who: realm, query: { id, language } }) {
      const shown = id === undefined ? undefined : await showInvitation(context, realm, id);
      const chosen = languageNamed(language) ?? shown?.language ?? languageOf(call);
      const others = (other: Language) =>
        `?${new URLSearchParams({ ...(shown && { id: id as string }), language: other })}`;
      return webPage({
        ...invitationPage(realm, context.config.publicUrl, chosen, shown),
        language: chosen,
        otherLanguages: others,
        nonce: context.random.token(16),
      });
    },
  }),
  route({
    ...page,
    path: '/realms/:realm/wallets/recovery',
    operationId: 'explainRecovery',
    summary:
      'The page that mails about the recovery of a wallet lead to: how its owner approves it, and how to stop it. In the language of `language` (en, hi, pt, fr) or of the browser.',
    query: z.object({ language: z.string().optional() }),
    handle({ call, context, who: realm, query: { language } }) {
      const chosen = languageNamed(language) ?? languageOf(call);
      return webPage({
        ...recoveryPage(realm, chosen),
        language: chosen,
        otherLanguages: (other) => `?${new URLSearchParams({ language: other })}`,
        nonce: context.random.token(16),
      });
    },
  }),
];

function languageOf({ request }: Call): Language {
  return preferredLanguage(request.headers.get('accept-language'));
}
