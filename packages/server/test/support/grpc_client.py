"""A gRPC client in another language (Debian's python3-grpcio): argv is the address and a FileDescriptorSet; prints JSON."""
import hashlib
import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

address, descriptors = sys.argv[1:]
pool = descriptor_pool.DescriptorPool()
with open(descriptors, 'rb') as file:
    for one in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(one)
factory = message_factory.MessageFactory(pool)


def message(name):
    return factory.GetPrototype(pool.FindMessageTypeByName(name))


def call(method, request, answer, **options):
    stub = channel.unary_unary(method, request_serializer=lambda m: m.SerializeToString(), response_deserializer=answer.FromString)
    try:
        value, done = stub.with_call(request, timeout=options.pop('timeout', 10), **options)
        return {'value': value, 'request_id': dict(done.initial_metadata()).get('x-request-id')}
    except grpc.RpcError as refused:
        trailers = dict(refused.trailing_metadata() or ())
        info = trailers.get('grpc-status-details-bin', b'')
        return {'code': refused.code().value[0], 'text': refused.details(), 'error_info': b'ErrorInfo' in info}


Create, Created = message('countersign.v1.CreateWalletRequest'), message('countersign.v1.CreateWalletResponse')
Get, Wallet = message('countersign.v1.GetWalletRequest'), message('countersign.v1.Wallet')
wallets = '/countersign.v1.WalletService/'
results = {}
with grpc.insecure_channel(address) as channel:
    request = Create(signed_request=b'{"type":"CreateWallet"}' * 200, description='Grüße')
    digest = hashlib.sha256(request.SerializeToString()).hexdigest()
    for name, compression in (('plain', None), ('gzip', grpc.Compression.Gzip)):
        answer = call(wallets + 'CreateWallet', request, Created, compression=compression)
        created = answer['value']
        results[name] = {
            'digest': created.invoker == digest,
            'wallet': created.wallet_id,
            'same': created.capability == request.signed_request.decode(),
            'request_id': answer['request_id'],
        }
    results['realm'] = call(wallets + 'CreateWallet', Create(), Created, metadata=(('realm', 'system'),))['value'].wallet_id
    results['unknown_realm'] = call(wallets + 'CreateWallet', Create(), Created, metadata=(('realm', 'nowhere'),))
    results['throttled'] = call(wallets + 'GetWallet', Get(wallet_id='attempt.throttled'), Wallet)
    results['unimplemented'] = call('/countersign.v1.SecureService/Request', Create(), Created)['code']
    results['late'] = call(wallets + 'GetWallet', Get(wallet_id='python waits'), Wallet, timeout=0.2)['code']
    Check, Health = message('grpc.health.v1.HealthCheckRequest'), message('grpc.health.v1.HealthCheckResponse')
    results['health'] = call('/grpc.health.v1.Health/Check', Check(), Health)['value'].status
    watch = channel.unary_stream('/grpc.health.v1.Health/Watch', request_serializer=lambda m: m.SerializeToString(), response_deserializer=Health.FromString)
    watching = watch(Check(), timeout=10)
    results['watched'] = next(watching).status
    watching.cancel()
print(json.dumps(results))
