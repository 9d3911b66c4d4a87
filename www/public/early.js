// Before the first paint: the theme and language that were chosen here, so that nothing flashes.
try {
  const { theme, language } = JSON.parse(localStorage.getItem('imagecache.settings')) ?? {};
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  if (language === 'zh') document.documentElement.lang = 'zh-Hans';
} catch {
  // Storage may be switched off; then the system's theme holds.
}
