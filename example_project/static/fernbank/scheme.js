// Bootstrap and daisyUI do not follow the browser's colour scheme by themselves.
(() => {
  "use strict";

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const { dataset } = document.documentElement;
    dataset.theme = dataset.bsTheme = dark.matches ? "dark" : "light";
  };
  apply();
  dark.addEventListener("change", apply);
})();
