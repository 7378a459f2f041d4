"""Makes a wallet and calls with it over gRPC, without Countersign's SDK. Needs grpcio, protobuf and cryptography.

    python3 -m grpc_tools.protoc -I proto --python_out=build --grpc_python_out=build countersign/v1/wallet.proto
    PYTHONPATH=build python3 examples/wallet.py localhost:8080
"""
import hashlib
import json
import sys
import time
import uuid

import grpc
from countersign.v1 import wallet_pb2 as pb, wallet_pb2_grpc as services
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CONTEXT = ['https://w3id.org/zcap/v1', 'https://w3id.org/security/data-integrity/v2']
now = lambda: time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())


def multibase(data):  # base58btc
    number, text = int.from_bytes(data, 'big'), ''
    while number:
        number, digit = divmod(number, 58)
        text = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'[digit] + text
    return 'z' + '1' * (len(data) - len(data.lstrip(b'\0'))) + text


def digest(document):  # of RFC 8785, for documents with no numbers and only ASCII names
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(',', ':'), ensure_ascii=False).encode()).digest()


key = Ed25519PrivateKey.generate()  # keep it in secure storage: it is the device
name = multibase(b'\xed\x01' + key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
did = f'did:key:{name}'


def signed(document, **options):  # Data Integrity, eddsa-jcs-2022
    proof = {'type': 'DataIntegrityProof', 'cryptosuite': 'eddsa-jcs-2022', 'created': now(), 'verificationMethod': f'{did}#{name}', **options}
    if '@context' in document:
        proof['@context'] = document['@context']
    proof['proofValue'] = multibase(key.sign(digest(proof) + digest(document)))
    return json.dumps({**document, 'proof': proof}).encode()


with grpc.insecure_channel(sys.argv[1]) as channel:
    wallets, auth = services.WalletServiceStub(channel), services.AuthServiceStub(channel)
    ask = auth.GetChallenge(pb.GetChallengeRequest())
    request = {'type': 'CreateWallet', 'controller': did, 'audience': ask.audience, 'nonce': ask.nonce, 'created': now()}
    made = wallets.CreateWallet(pb.CreateWalletRequest(signed_request=signed(request, proofPurpose='authentication'), description='Python'))
    zcap = json.loads(made.zcap)
    ask = auth.GetChallenge(pb.GetChallengeRequest())
    invocation = {'@context': CONTEXT, 'id': uuid.uuid4().urn, 'type': 'TokenRequest', 'audience': ask.audience, 'nonce': ask.nonce}
    invoking = {'proofPurpose': 'capabilityInvocation', 'capability': zcap, 'capabilityAction': 'read', 'invocationTarget': zcap['invocationTarget']}
    token = auth.AcquireToken(pb.AcquireTokenRequest(invocation=signed(invocation, **invoking))).wallet_token
    profile = (('authorization', f'Bearer {token}'),)  # for every call of the channel, until the token ends
    print(wallets.GetWallet(pb.GetWalletRequest(wallet_id=made.wallet_id), metadata=profile).description)
