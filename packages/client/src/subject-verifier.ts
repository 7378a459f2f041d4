import {
  accessTokenTypes,
  ProofError,
  type Subject,
  subjectFromToken,
  transactionTokenTypes,
  walletTokenTypes,
} from '@countersign/proof';
import { type Checks, listOf, names, oneOf, options as optionsOf } from '@countersign/proof/argument';
import { ClientError } from './error.ts';
import { createJwtVerifier, type JwtVerifierOptions, jwtVerifierChecks } from './jwt-verifier.ts';
import { problem } from './message-problem.ts';

export type SubjectKind = Subject['kind'];

export interface SubjectVerifierOptions extends JwtVerifierOptions {
  /** What `aud` calls us. A token that names none of these is for somebody else. */
  readonly audience: string | readonly string[];
  /** Whom we let in; nobody else. */
  readonly accept: readonly SubjectKind[];
}

export interface SubjectVerifier {
  /**
   * The subject of a token that is good now, whatever its type.
   *
   * @throws {ProofError} when the token is refused; {MessageProblem} `token.kind` when it speaks for a kind that is not let in
   * @throws {ClientError} when the keys of the issuer cannot be had: not the fault of the token
   */
  verify(token: string): Promise<Subject>;
}

const typesOf: Readonly<Record<SubjectKind, readonly string[]>> = {
  participant: accessTokenTypes,
  client: accessTokenTypes,
  credential: transactionTokenTypes,
  wallet: walletTokenTypes,
};

/** Whose tokens for the issuer are the issuer's affair: for exchange, or to open the wallet itself. */
function isForOneService(kind: SubjectKind): boolean {
  return kind === 'credential' || kind === 'wallet';
}

/**
 * Verifies every kind of token that can stand for a subject, offline: access tokens of participants and clients, and the signed
 * subject of a credential, tokens of wallets. Whether who shows a bound token holds its key is for whoever asks. What speaks for a kind that is not named is refused.
 *
 * A signed subject or a wallet's token that is for the issuer is nothing for a service: naming the issuer as an audience lets access tokens in that
 * are for the issuer, as those of profile `ocen4` are, and nobody else.
 *
 * @throws {ClientError} `verifier.audience`, `verifier.accept` where the options name nobody
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 */
export function createSubjectVerifier(options: SubjectVerifierOptions): SubjectVerifier {
  return subjectVerifier(optionsOf(options, 'options', subjectVerifierChecks));
}

export const subjectVerifierChecks: Checks<SubjectVerifierOptions> = {
  ...jwtVerifierChecks,
  // That there are none has a code of its own.
  audience: (value, name) => (Array.isArray(value) && value.length === 0 ? value : names(value, name)),
  accept: listOf(oneOf(...Object.keys(typesOf))),
};

/** The same for options that are checked. */
export function subjectVerifier(options: SubjectVerifierOptions): SubjectVerifier {
  const { issuer, accept } = options;
  const audience = [options.audience].flat();
  const own = new Set(audience.filter((one) => one !== issuer));
  if (accept.length === 0) throw new ClientError('verifier.accept', 'Name the kinds of subjects that are let in.');
  if (audience.length === 0 || (accept.some(isForOneService) && own.size === 0)) {
    throw new ClientError('verifier.audience', 'Name an audience of your own: the issuer is for exchange only.');
  }
  const typ = [...new Set(accept.flatMap((kind) => typesOf[kind]))];
  const verifyToken = createJwtVerifier(options, { typ, audience });
  return {
    async verify(token) {
      const subject = subjectFromToken(await verifyToken(token));
      // An access token does not show by its type which of two kinds it speaks for.
      if (!accept.includes(subject.kind)) throw problem('token.kind');
      if (isForOneService(subject.kind) && !subject.audience.some((one) => own.has(one))) {
        throw new ProofError('jwt.audience');
      }
      return subject;
    },
  };
}
