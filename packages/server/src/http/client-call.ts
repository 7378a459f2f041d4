import { type AuthenticatedClient, authenticateClient, presentedProof } from '../registry/client-authentication.ts';
import { type Parameters, parseForm, parseJsonParameters } from '../registry/parameters.ts';
import type { Realm } from '../subject/realm.ts';
import { readBytes, requireMediaType } from './body.ts';
import type { Call } from './call.ts';
import type { MediaType } from './route.ts';

const form: readonly MediaType[] = ['application/x-www-form-urlencoded'];
const formOrJson: readonly MediaType[] = [...form, 'application/json'];

/** The parameters of an OAuth request: a form, or JSON where `jsonToo`. */
export async function readParameters(call: Call, jsonToo: boolean): Promise<Parameters> {
  const mediaType = requireMediaType(call.request, jsonToo ? formOrJson : form);
  const body = await readBytes(call.request);
  return mediaType === 'application/json' ? parseJsonParameters(body) : parseForm(body);
}

/** The client that sends this request, by whichever method it proves itself. */
export async function authenticateCallingClient(
  call: Call,
  realm: Realm,
  parameters: Parameters,
  sameTwice = false,
): Promise<AuthenticatedClient> {
  const proof = presentedProof(call.request.headers.get('authorization'), parameters, sameTwice);
  return authenticateClient(call.context, realm, proof, call.source);
}
