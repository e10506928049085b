// The visit: who this browser is to itself, and how the visitor came here.

const TRAITS = ['gclid', 'fbclid'];

/** Storage that never throws: a browser may refuse it, and then it lasts as long as the page. */
class Keep {
  constructor(area) {
    this.area = area;
    this.memory = new Map();
  }

  get(name) {
    try {
      return this.area().getItem(`frontdesk.${name}`) ?? this.memory.get(name) ?? null;
    } catch {
      return this.memory.get(name) ?? null;
    }
  }

  set(name, value) {
    this.memory.set(name, value);
    try {
      this.area().setItem(`frontdesk.${name}`, value);
    } catch {
      // Kept in memory.
    }
  }

  remove(name) {
    this.memory.delete(name);
    try {
      this.area().removeItem(`frontdesk.${name}`);
    } catch {
      // It was not there.
    }
  }
}

/** A random UUID; `crypto.randomUUID` is missing on pages that came over http. */
function randomId(source) {
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** This browser's own id. */
function deviceId(keep, source) {
  const known = keep.get('device');
  if (known) return known;
  const id = randomId(source);
  keep.set('device', id);
  return id;
}

/** What the first page of a visit tells: campaign, landing page, where the visitor came from. */
function arrival(url, referrer) {
  const traits = { landing_page: url.pathname };
  for (const [name, value] of url.searchParams) {
    if (value && (name.startsWith('utm_') || TRAITS.includes(name))) traits[name] = value.slice(0, 512);
  }
  try {
    const from = new URL(referrer);
    if (from.host !== url.host) traits.referrer = (from.origin + from.pathname).slice(0, 512);
  } catch {
    // Nobody sent the visitor.
  }
  return traits;
}

/** The traits of this visit: what its first page told, and what is true now. */
function traitsOf(keep, url, referrer, locale, timeZone) {
  let first = null;
  try {
    first = JSON.parse(keep.get('visit'));
  } catch {
    // Not ours; it is written anew.
  }
  if (!first || typeof first !== 'object') {
    first = arrival(url, referrer);
    keep.set('visit', JSON.stringify(first));
  }
  return { ...first, page: url.pathname, locale, time_zone: timeZone };
}

/** What the agent may know of the page that the visitor looks at. */
function pageContext(url, title, traits) {
  const utm = Object.fromEntries(Object.entries(traits).filter(([name]) => name.startsWith('utm_')));
  return { url: url.origin + url.pathname, path: url.pathname, title, utm };
}

/** The conversation that an address leads back to: the page after a payment ends in `#frontdesk-thread=thr_…`. */
function wantedThread(hash) {
  return /^#frontdesk-thread=(thr_[\w.:-]{1,124})$/.exec(hash)?.[1] ?? null;
}
