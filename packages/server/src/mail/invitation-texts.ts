import type { Language } from '../kernel/language.ts';
import { moment, type Text } from './letter.ts';

/** The mail with the code of a new wallet, in the language that the inviter chose. */
export interface InvitationValues {
  readonly 'wallet-invitation': {
    readonly participant: 'individual' | 'organization';
    /** Of the wallet, one line. May be empty, as may the next two. */
    readonly description: string;
    /** The inviter's name, as the inviter gave it. */
    readonly inviter: string;
    /** The inviter's words. */
    readonly message: string;
    readonly language: Language;
    readonly code: string;
    readonly until: number;
    /** The page that says what to do with the code. It does not have the code. */
    readonly page: string;
  };
}

interface Phrases {
  readonly subject: (realm: string) => string;
  /** Before the address of the server. */
  readonly invited: Readonly<Record<'individual' | 'organization', string>>;
  /** After it. */
  readonly inRealm: (realm: string) => string;
  /** Before the inviter's name. */
  readonly named: string;
  /** Before the inviter's words. */
  readonly says: string;
  readonly wallet: string;
  readonly code: string;
  readonly once: (until: string) => string;
  readonly page: string;
  readonly caution: readonly string[];
  readonly unchecked: readonly string[];
}

const phrases: Readonly<Record<Language, Phrases>> = {
  en: {
    subject: (realm) => `Create your wallet for ${realm}`,
    invited: {
      individual: 'You are invited to create a wallet at',
      organization: 'Your organization is invited to create a wallet at',
    },
    inRealm: (realm) => `in ${realm}.`,
    named: 'The invitation gives this name:',
    says: 'The inviter says:',
    wallet: 'The wallet is described as:',
    code: 'Your wallet asks for this code when it is created:',
    once: (until) => `It works once, until ${until}.`,
    page: 'What to do with the code, step by step:',
    caution: ['Enter the code only in your wallet, never on a web page.', 'If you expect no invitation, do nothing.'],
    unchecked: ['The name and the words of the inviter were not checked.'],
  },
  hi: {
    subject: (realm) => `${realm} के लिए अपना वॉलेट बनाएँ`,
    invited: {
      individual: 'आपको वॉलेट बनाने का निमंत्रण मिला है। सर्वर:',
      organization: 'आपके संगठन को वॉलेट बनाने का निमंत्रण मिला है। सर्वर:',
    },
    inRealm: (realm) => `Realm: ${realm}`,
    named: 'निमंत्रण में यह नाम दिया गया है:',
    says: 'निमंत्रण देने वाले ने लिखा है:',
    wallet: 'वॉलेट का विवरण:',
    code: 'वॉलेट बनाते समय आपका वॉलेट यह कोड माँगेगा:',
    once: (until) => `यह कोड ${until} तक, केवल एक बार काम करता है।`,
    page: 'कोड का क्या करना है, एक-एक कदम:',
    caution: ['यह कोड केवल अपने वॉलेट में डालें, किसी वेब पेज पर कभी नहीं।', 'अगर आपको निमंत्रण की उम्मीद नहीं थी, तो कुछ न करें।'],
    unchecked: ['निमंत्रण देने वाले के नाम और शब्दों की जाँच नहीं की गई है।'],
  },
  pt: {
    subject: (realm) => `Crie a sua carteira para ${realm}`,
    invited: {
      individual: 'Recebeu um convite para criar uma carteira em',
      organization: 'A sua organização recebeu um convite para criar uma carteira em',
    },
    inRealm: (realm) => `no domínio ${realm}.`,
    named: 'O convite dá este nome:',
    says: 'Quem convida escreve:',
    wallet: 'Descrição da carteira:',
    code: 'A sua carteira pede este código quando é criada:',
    once: (until) => `O código funciona uma única vez, até ${until}.`,
    page: 'O que fazer com o código, passo a passo:',
    caution: [
      'Introduza o código apenas na sua carteira, nunca numa página web.',
      'Se não espera nenhum convite, não faça nada.',
    ],
    unchecked: ['O nome e as palavras de quem convida não foram verificados.'],
  },
  fr: {
    subject: (realm) => `Créez votre portefeuille pour ${realm}`,
    invited: {
      individual: 'Vous êtes invité(e) à créer un portefeuille sur',
      organization: 'Votre organisation est invitée à créer un portefeuille sur',
    },
    inRealm: (realm) => `dans le domaine ${realm}.`,
    named: 'L’invitation donne ce nom :',
    says: 'La personne qui vous invite écrit :',
    wallet: 'Description du portefeuille :',
    code: 'Votre portefeuille demande ce code à sa création :',
    once: (until) => `Le code ne fonctionne qu’une fois, jusqu’au ${until}.`,
    page: 'Que faire du code, étape par étape :',
    caution: [
      'Saisissez le code uniquement dans votre portefeuille, jamais sur une',
      'page web. Si vous n’attendez pas d’invitation, ne faites rien.',
    ],
    unchecked: ['Le nom et le message de cette personne n’ont pas été vérifiés.'],
  },
};

export const invitationTexts: { readonly [P in keyof InvitationValues]: Text<InvitationValues[P]> } = {
  'wallet-invitation': (values, { realm, publicUrl }) => {
    const { participant, language, code, until, page } = values;
    const said = phrases[language];
    return [
      said.subject(realm),
      said.invited[participant],
      `  ${publicUrl}`,
      said.inRealm(realm),
      '',
      ...words(values),
      said.code,
      '',
      `  ${code}`,
      '',
      said.once(moment(until)),
      '',
      said.page,
      `  ${page}`,
      '',
      ...said.caution,
    ];
  },
};

/** All that the inviter chose stands in indented lines, so no word of it can pass for a line of the server. */
function words({ language, inviter, message, description }: InvitationValues['wallet-invitation']): readonly string[] {
  const said = phrases[language];
  const quoted = (label: string, text: string) => (text === '' ? [] : [label, ...folded(text)]);
  return [
    ...quoted(said.named, inviter),
    ...quoted(said.says, message),
    ...(inviter === '' && message === '' ? [] : [...said.unchecked, '']),
    ...(description === '' ? [] : [...quoted(said.wallet, description), '']),
  ];
}

/** Letters of an indented line, as mail programs show it. */
const width = 74;

/** Indented lines. Broken between words, and a longer word where it must. */
function folded(text: string): readonly string[] {
  const lines = text.match(new RegExp(`\\S.{0,${width - 1}}(?=\\s|$)|\\S{${width}}`, 'gu'));
  return (lines ?? []).map((line) => `  ${line.trimEnd()}`);
}
