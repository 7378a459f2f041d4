/**
 * An invocation of a capability that was delegated once, made and verified by Digital Bazaar's libraries: an HTTP signature,
 * and the capability under a proof over RDF. The documents of both DIDs, the root and the contexts are in memory, and the key
 * is imported.
 */
// Imported by variables, because the type check of the workspace also runs without the installed peers.
const load = (name: string) => import(name);

const day = 86_400_000;
const url = 'https://wallet.example/wallets/alice';
const keySuite = 'https://w3id.org/security/suites/ed25519-2020/v1';
const zcapContext = 'https://w3id.org/zcap/v1';

/** The verifier, which is called again and again. */
export async function zcapPeer(): Promise<() => Promise<void>> {
  const { verifyCapabilityInvocation } = await load('@digitalbazaar/http-signature-zcap-verify');
  const { signCapabilityInvocation } = await load('@digitalbazaar/http-signature-zcap-invoke');
  const { CapabilityDelegation, createRootCapability, extendDocumentLoader } = await load('@digitalbazaar/zcap');
  const { Ed25519Signature2020 } = await load('@digitalbazaar/ed25519-signature-2020');
  const { Ed25519VerificationKey2020 } = await load('@digitalbazaar/ed25519-verification-key-2020');
  const { securityLoader } = await load('@digitalbazaar/security-document-loader');
  const { contexts } = await load('@digitalbazaar/zcap-context');
  const jsigs = (await load('jsonld-signatures')).default;

  const documents = new Map<string, object>();
  const party = async () => {
    const key = await Ed25519VerificationKey2020.generate();
    key.controller = `did:key:${key.publicKeyMultibase}`;
    key.id = `${key.controller}#${key.publicKeyMultibase}`;
    const method = { '@context': keySuite, ...(await key.export({ publicKey: true })) };
    const lists = { capabilityInvocation: [key.id], capabilityDelegation: [key.id] };
    const context = ['https://www.w3.org/ns/did/v1', keySuite];
    documents.set(key.controller, { '@context': context, id: key.controller, verificationMethod: [method], ...lists });
    documents.set(key.id, method);
    return key;
  };
  const [owner, device] = [await party(), await party()];
  const root = createRootCapability({ controller: owner.controller, invocationTarget: url });
  documents.set(root.id, root);
  const loader = securityLoader();
  loader.addStatic(zcapContext, contexts.get(zcapContext));
  const others = loader.build();
  const documentLoader = extendDocumentLoader((documentUrl: string) => {
    const document = documents.get(documentUrl);
    return document === undefined ? others(documentUrl) : { contextUrl: null, documentUrl, document };
  });

  const capability = await jsigs.sign(
    {
      '@context': [zcapContext, keySuite],
      id: 'urn:uuid:1',
      parentCapability: root.id,
      controller: device.controller,
      invocationTarget: url,
      expires: `${new Date(Date.now() + day).toISOString().slice(0, 19)}Z`,
      allowedAction: ['read', 'write'],
    },
    {
      suite: new Ed25519Signature2020({ signer: owner.signer() }),
      purpose: new CapabilityDelegation({ parentCapability: root }),
      documentLoader,
    },
  );
  const host = 'wallet.example';
  const signed = await signCapabilityInvocation({
    url,
    method: 'POST',
    headers: { host, date: new Date().toUTCString() },
    json: { walletId: 'alice' },
    capability,
    capabilityAction: 'read',
    invocationSigner: device.signer(),
    expires: new Date(Date.now() + day),
  });
  const verifier = device.verifier();
  const getVerifier = async ({ keyId }: { keyId: string }) => ({ verifier, verificationMethod: documents.get(keyId) });
  return async () => {
    const { verified, error } = await verifyCapabilityInvocation({
      url,
      method: 'POST',
      headers: { ...signed, host },
      getVerifier,
      documentLoader,
      expectedHost: host,
      expectedAction: 'read',
      expectedRootCapability: root.id,
      expectedTarget: url,
      suite: new Ed25519Signature2020(),
    });
    if (!verified) throw new Error('the peer does not verify its own invocation', { cause: error });
  };
}
