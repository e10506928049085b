// A little Markdown as a tree: paragraphs, lists, headings, code, bold, italics, links. What it does not know stays
// text, and text never becomes markup: the tree is drawn with text nodes.

/** The address if it is one to follow: http or https, nothing else. */
function safeUrl(address) {
  try {
    const url = new URL(address);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}

const SPAN = /`([^`\n]+)`|\*\*([^*\n]+(?:\*(?!\*)[^*\n]*)*)\*\*|(?<![\w*])\*([^\s*][^*\n]*)\*(?!\w)|\[([^\]\n]+)\]\((?:<([^<>\s]+)>|([^()\s<]+(?:\([^()\s]*\)[^()\s]*)*))\)|(https?:\/\/[^\s<>()[\]]*[^\s<>()[\].,;:!?'"*])/g;

/** The parts of a line. */
function spansOf(text) {
  const spans = [];
  let at = 0;
  for (const match of text.matchAll(SPAN)) {
    const [whole, code, bold, italic, label, quoted, plain, bare] = match;
    if (match.index > at) spans.push({ text: text.slice(at, match.index) });
    at = match.index + whole.length;
    const href = safeUrl(quoted ?? plain ?? bare ?? '');
    if (code !== undefined) spans.push({ code });
    else if (bold !== undefined) spans.push({ bold: spansOf(bold) });
    else if (italic !== undefined) spans.push({ italic: spansOf(italic) });
    else if (href) spans.push({ href, link: label ?? bare });
    else spans.push({ text: whole });
  }
  if (at < text.length) spans.push({ text: text.slice(at) });
  return spans;
}

const ITEM = /^\s*(?:([-*+•])|(\d{1,9})[.)])\s+(.*)$/;

/** The blocks of a text. Code that has not ended yet is code already, since text arrives in pieces. */
function blocksOf(text) {
  const blocks = [];
  let last = null;
  const add = (block) => {
    blocks.push(block);
    last = block;
  };
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    const item = ITEM.exec(line);
    const heading = /^#{1,6}\s+(.+?)\s*#*$/.exec(line);
    if (/^\s*```/.test(line)) {
      const code = [];
      for (at += 1; at < lines.length && !/^\s*```\s*$/.test(lines[at]); at += 1) code.push(lines[at]);
      blocks.push({ kind: 'code', text: code.join('\n') });
      last = null;
    } else if (line.trim() === '') {
      last = last?.kind === 'list' ? last : null;
    } else if (heading) {
      blocks.push({ kind: 'heading', spans: spansOf(heading[1]) });
      last = null;
    } else if (item) {
      const ordered = item[2] !== undefined;
      if (last?.kind !== 'list' || last.ordered !== ordered) {
        add({ kind: 'list', ordered, start: ordered ? Number(item[2]) : 1, items: [] });
      }
      last.items.push(item[3]);
    } else if (last?.kind === 'list' && /^\s{2,}/.test(line)) {
      last.items[last.items.length - 1] += `\n${line.trim()}`;
    } else if (last?.kind === 'paragraph') {
      last.text += `\n${line}`;
    } else {
      add({ kind: 'paragraph', text: line });
    }
  }
  return blocks.map((block) => {
    if (block.kind === 'paragraph') return { kind: 'paragraph', spans: spansOf(block.text) };
    if (block.kind === 'list') return { ...block, items: block.items.map(spansOf) };
    return block;
  });
}
