// Theme: which of light and dark, and the same colours for OpenAI's element.

/** `light` or `dark`, as the page wants it or the visitor's system has it. */
function schemeOf(wanted, prefersDark) {
  if (wanted === 'light' || wanted === 'dark') return wanted;
  return prefersDark ? 'dark' : 'light';
}

/** Red, green and blue of `#rgb` or `#rrggbb`; null for anything else. */
function rgbOf(colour) {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour.trim())?.[1];
  if (!hex) return null;
  const full = hex.length === 3 ? [...hex].map((digit) => digit + digit).join('') : hex;
  return [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16));
}

/** Contrast of two colours as WCAG 2 defines it. */
function contrastOf(one, other) {
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** The text colour that reads better on `colour`. */
function readableOn(colour) {
  const ground = rgbOf(colour);
  if (!ground) return null;
  return contrastOf(ground, [255, 255, 255]) >= 4.5 ? '#FFFFFF' : '#1A0B04';
}

/** OpenAI's ThemeOption of these tokens. An option that it does not know blanks the element. */
function elementTheme(scheme, token) {
  const theme = { colorScheme: scheme, radius: 'round', density: 'normal', typography: { baseSize: 15 } };
  const [primary, background, foreground] = ['--fd-primary', '--fd-bg', '--fd-text'].map((name) => token(name).trim());
  theme.color = { grayscale: { hue: 30, tint: 2 } };
  if (primary) theme.color.accent = { primary, level: 1 };
  if (background && foreground) theme.color.surface = { background, foreground };
  return theme;
}

/** Keeps a host element in its scheme, and what stands on the site's own colours readable. */
function applyTheme(host, wanted, onChange) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    host.dataset.theme = schemeOf(wanted, dark.matches);
    const style = getComputedStyle(host);
    for (const name of ['primary', 'teal', 'accent']) {
      if (!style.getPropertyValue(`--aj-${name}`).trim()) continue;
      const text = readableOn(style.getPropertyValue(`--fd-${name}`));
      if (text) host.style.setProperty(`--fd-on-${name}`, text);
    }
  };
  apply();
  dark.addEventListener('change', () => {
    apply();
    onChange();
  });
}
