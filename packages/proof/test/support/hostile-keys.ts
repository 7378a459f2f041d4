import { encodeMultibase } from '../../src/index.ts';

/** A key that must be refused, and the check that refuses it. */
interface HostileKey {
  readonly name: string;
  readonly multikey: string;
  readonly stage: string;
}

const soundEd25519 = '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29';
const p = 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f';

function key(name: string, hex: string, stage: string): HostileKey {
  return { name, multikey: encodeMultibase(Buffer.from(hex, 'hex')), stage };
}

const zeros = (bytes: number) => '00'.repeat(bytes);

/** Facts of the curves and of the encodings; no library is asked. */
export const hostileMultikeys: readonly HostileKey[] = [
  { name: 'nothing', multikey: '', stage: 'multikey.multibase' },
  { name: 'a prefix alone', multikey: 'z', stage: 'multikey.varint' },
  {
    name: 'base64url',
    multikey: `u${Buffer.from(`ed01${soundEd25519}`, 'hex').toString('base64url')}`,
    stage: 'multikey.multibase',
  },
  { name: 'hexadecimal', multikey: `fed01${soundEd25519}`, stage: 'multikey.multibase' },
  {
    name: 'a space at the end',
    multikey: 'z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp ',
    stage: 'multikey.multibase',
  },
  { name: '137 characters', multikey: `z${'2'.repeat(136)}`, stage: 'multikey.too_large' },
  { name: 'ten million characters', multikey: `z${'2'.repeat(10_000_000)}`, stage: 'multikey.too_large' },
  key('a varint of 0xed in three bytes', `ed8100${soundEd25519}`, 'multikey.varint'),
  key('a varint of 0xed in four bytes', `ed818000${soundEd25519}`, 'multikey.varint'),
  key('a varint without an end', 'ed', 'multikey.varint'),
  key('a varint of more than four bytes', `8080808001${soundEd25519}`, 'multikey.varint'),
  key('a leading zero byte', `00ed01${soundEd25519}`, 'multikey.codec'),
  key('a raw code without varint', `ed${soundEd25519}`, 'multikey.codec'),
  key('big-endian 0x1200', `1200${'03'.repeat(33)}`, 'multikey.codec'),
  key('secp256k1', `e701${'02'.repeat(33)}`, 'multikey.codec'),
  key('BLS12-381 G1 and G2 in one', `ee01${'01'.repeat(90)}`, 'multikey.codec'),
  key('an Ed25519 private key', `8026${soundEd25519}`, 'multikey.codec'),
  key('31 bytes of Ed25519', `ed01${soundEd25519.slice(2)}`, 'multikey.length'),
  key('33 bytes of Ed25519', `ed01${soundEd25519}00`, 'multikey.length'),
  key('no bytes of Ed25519', 'ed01', 'multikey.length'),
  key('32 bytes of P-256', `8024${'03'.repeat(32)}`, 'multikey.length'),
  key('an uncompressed P-256 point', `802404${'01'.repeat(64)}`, 'multikey.length'),
  key('BLS12-381 G1 under the codec of G2', `eb01${'8a'.repeat(48)}`, 'multikey.length'),
  key('the identity of Ed25519', `ed0101${zeros(31)}`, 'multikey.point'),
  key(
    'an Ed25519 point of order 2',
    'ed01ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'multikey.point',
  ),
  key('an Ed25519 point of order 4', `ed01${zeros(32)}`, 'multikey.point'),
  key(
    'an Ed25519 point of order 8',
    'ed0126e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'multikey.point',
  ),
  key(
    'another Ed25519 point of order 8',
    'ed01c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    'multikey.point',
  ),
  key('y = p, a second spelling of 0', `ed01${p}`, 'multikey.point'),
  key('y = p + 1, a second spelling of the identity', `ed01ee${p.slice(2)}`, 'multikey.point'),
  key('y = 2, which has no x', `ed0102${zeros(31)}`, 'multikey.point'),
  key('u = 0', `ec01${zeros(32)}`, 'multikey.point'),
  key('u = 1', `ec0101${zeros(31)}`, 'multikey.point'),
  key('u = p - 1', `ec01ec${p.slice(2)}`, 'multikey.point'),
  key('u of order 8', 'ec01e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'multikey.point'),
  key('another u of order 8', 'ec015f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157', 'multikey.point'),
  key('u = p, a second spelling of 0', `ec01${p}`, 'multikey.point'),
  key('u = 9 with the top bit set', `ec0109${zeros(30)}80`, 'multikey.point'),
  key('P-256 with the tag of an uncompressed point', `802404${'01'.repeat(32)}`, 'multikey.point'),
  key('the identity of P-256', `8024${zeros(33)}`, 'multikey.point'),
  key('x = p of P-256', '802402ffffffff00000001000000000000000000000000ffffffffffffffffffffffff', 'multikey.point'),
  key('x = 1 of P-256, which has no y', `802402${zeros(31)}01`, 'multikey.point'),
  key('the identity of G1', `ea01c0${zeros(47)}`, 'multikey.point'),
  key('the identity of G2', `eb01c0${zeros(95)}`, 'multikey.point'),
  key('G1 without the flag of compression', `ea0104${zeros(46)}04`, 'multikey.point'),
  key('x = 4 of G1, on the curve and outside the subgroup', `ea0180${zeros(46)}04`, 'multikey.point'),
  key(
    'x = p of G1',
    'ea019a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab',
    'multikey.point',
  ),
  key('x = 1 of G1, which is not on the curve', `ea0180${zeros(46)}01`, 'multikey.point'),
  key('x = 2 of G2', `eb0180${zeros(94)}02`, 'multikey.point'),
];
