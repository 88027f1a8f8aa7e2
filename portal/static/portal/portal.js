/* Comforts. Every page works without this file. */
(function () {
  "use strict";
  var root = document.documentElement;

  /* Theme switch: buttons with data-theme-choice="light|dark|system". */
  function showTheme() {
    var chosen = root.dataset.theme || "system";
    document.querySelectorAll("[data-theme-choice]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen));
    });
  }

  function chooseTheme(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch (error) {
      /* No storage: it holds for this page. */
    }
    showTheme();
  }

  /* Copy: data-copy (text) or data-copy-link (this page's address); data-copied is what to say then. */
  function copy(button) {
    var text = button.hasAttribute("data-copy-link") ? location.href : button.dataset.copy;
    navigator.clipboard.writeText(text).then(function () {
      var label = button.querySelector("[data-copy-label]") || button;
      var before = label.textContent;
      label.textContent = button.dataset.copied;
      setTimeout(function () {
        label.textContent = before;
      }, 2000);
    });
  }

  /* Dialogs where the browser does not know invoker commands. */
  function invoke(button) {
    var dialog = document.getElementById(button.getAttribute("commandfor"));
    if (!dialog) return;
    if (button.getAttribute("command") === "show-modal") dialog.showModal();
    if (button.getAttribute("command") === "close") dialog.close();
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.themeChoice) chooseTheme(button.dataset.themeChoice);
    else if (button.hasAttribute("data-copy") || button.hasAttribute("data-copy-link")) copy(button);
    else if (button.hasAttribute("data-dismiss")) button.closest(".alert").remove();
    else if (button.hasAttribute("data-print")) window.print();
    else if (button.hasAttribute("command") && !("commandForElement" in button)) invoke(button);
  });

  /* Choosers submit themselves; while somebody walks through the options with the keyboard, only on Enter or leaving. */
  var walking = null;
  document.addEventListener("keydown", function (event) {
    var select = event.target;
    if (!(select instanceof HTMLSelectElement) || !select.form || !select.form.hasAttribute("data-autosubmit")) return;
    if (event.key === "Enter" && walking === select) {
      event.preventDefault();
      select.form.requestSubmit();
    } else if (event.key !== "Tab" && event.key !== "Shift") {
      walking = select;
    }
  });
  document.addEventListener("pointerdown", function () {
    walking = null;
  });
  document.addEventListener("change", function (event) {
    var form = event.target.form;
    if (!form || !form.hasAttribute("data-autosubmit")) return;
    if (walking === event.target) form.dataset.changed = "";
    else form.requestSubmit();
  });
  document.addEventListener("focusout", function (event) {
    var form = event.target.form;
    if (form && walking === event.target && "changed" in form.dataset) form.requestSubmit();
  });

  /* What is loaded into a dialog (data-opens-dialog) opens it; an error, or signing in again, is a page of its own. */
  document.addEventListener("htmx:beforeSwap", function (event) {
    var swap = event.detail;
    var link = swap.requestConfig.elt;
    if (!swap.target.hasAttribute("data-opens-dialog")) return;
    if (!swap.isError && new URL(swap.xhr.responseURL).pathname === link.pathname) return;
    swap.shouldSwap = false;
    location.assign(link.href);
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    var target = event.detail.target;
    var dialog = target.hasAttribute("data-opens-dialog") && target.closest("dialog");
    if (dialog && !dialog.open) dialog.showModal();
  });

  /* The numbers of the bar under the pointer, in the chart's own line. */
  function readOut(event) {
    var spot = event.target.closest && event.target.closest(".chart-svg a, .chart-spot");
    var chart = spot && spot.closest(".chart");
    var line = chart && chart.querySelector(".chart-readout");
    var title = spot && spot.querySelector("title");
    if (line && title) line.textContent = title.textContent.split("\n").join("  ·  ");
  }
  document.addEventListener("pointerover", readOut);
  document.addEventListener("focusin", readOut);

  /* Where tabs do not fit, the one that is open is in view. */
  document.querySelectorAll(".tab[aria-current]").forEach(function (tab) {
    tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - (tab.parentElement.clientWidth - tab.clientWidth) / 2;
  });

  showTheme();
})();
