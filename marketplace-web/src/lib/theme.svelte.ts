const CHOICES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof CHOICES)[number];

/** Which theme was chosen. static/theme.js applies it before anything is painted. */
class Choice {
  now = $state<Theme>(read());

  next(): void {
    this.now = CHOICES[(CHOICES.indexOf(this.now) + 1) % CHOICES.length] ?? 'system';
    if (this.now === 'system') {
      localStorage.removeItem('theme');
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem('theme', this.now);
      document.documentElement.dataset.theme = this.now;
    }
  }
}

function read(): Theme {
  const set = document.documentElement.dataset.theme;
  return set === 'light' || set === 'dark' ? set : 'system';
}

export const theme = new Choice();
