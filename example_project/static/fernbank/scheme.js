// Bootstrap and daisyUI have dark colours and leave it to the site to ask for them.
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
