import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allActions, checkNode, checkRevocation, trees } from '../support/delegation-tree.ts';
import { checkTampered } from '../support/tampering.ts';
import { invocation, tablet, toTablet } from '../support/wallet.ts';

test('over 10,000 random trees nobody may do more than every link above allows, nor less', async () => {
  let deepest = 0;
  const property = fc.asyncProperty(trees(14), fc.constantFrom(...allActions), async (nodes, action) => {
    for (const node of nodes) {
      if (await checkNode(node, action)) deepest = Math.max(deepest, node.right?.links ?? 0);
    }
  });
  await fc.assert(property, { numRuns: 10_000 });
  expect(deepest).toBe(10);
});

test('over 10,000 random trees, what hangs on a link, and only that, has its id in the answer', async () => {
  const property = fc.asyncProperty(trees(10), fc.nat(9), async (nodes, at) => {
    await checkRevocation(nodes, nodes[1 + (at % (nodes.length - 1))] ?? (nodes[0] as never));
  });
  await fc.assert(property, { numRuns: 10_000 });
});

test('every byte of a chain, changed in eight ways, is a refusal', async () => {
  const text = JSON.stringify(invocation(toTablet, tablet));
  for (let at = 0; at < text.length; at++) {
    const byte = text.charCodeAt(at);
    for (const other of [byte ^ 1, byte ^ 0x20, 0x22, 0x20, 0x2c, 0x30, 0x41, 0x80])
      await checkTampered(text, at, other);
  }
});
