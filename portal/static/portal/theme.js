/* Before the first paint: the theme chosen last time, and a sign that scripts run. */
(function () {
  var root = document.documentElement;
  root.classList.add("js");
  try {
    var theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (error) {
    /* No storage: the system's theme. */
  }
})();
