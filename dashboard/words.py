"""Every interface text once, in the three languages. Names of metrics come from the catalogue (`Metric.label`)."""

from collections.abc import Mapping

from dashboard import (
    words_alarms,
    words_analysis,
    words_anomalies,
    words_bess,
    words_dataset,
    words_explain,
    words_explain_inputs,
    words_explain_panels,
    words_files,
    words_forecasts,
    words_kiosk,
    words_notes,
    words_operate,
    words_pages,
    words_plans,
    words_power,
    words_pv,
    words_report,
    words_schedule,
    words_scope,
    words_settings,
    words_settlement,
    words_state,
    words_twin,
)
from dashboard.scope import LANGUAGES

Texts = Mapping[str, tuple[str, str, str]]

SHELL: Texts = {
    "product": ("Voltdeck", "Voltdeck", "Voltdeck"),
    "navigation": ("Navigation", "導覽", "Navegación"),
    "skip": ("Skip to content", "跳至內容", "Saltar al contenido"),
    "collapse": ("Collapse navigation", "收合導覽", "Contraer navegación"),
    "zone": ("Times in", "時區", "Horas en"),
    "window": ("Time window", "時間範圍", "Ventana de tiempo"),
    "window.15m": ("15 min", "15 分", "15 min"),
    "window.1h": ("1 h", "1 時", "1 h"),
    "window.24h": ("24 h", "24 時", "24 h"),
    "window.7d": ("7 d", "7 天", "7 d"),
    "window.30d": ("30 d", "30 天", "30 d"),
    "range": ("Range", "區間", "Rango"),
    "range.choose": ("Choose a range", "選擇區間", "Elegir un rango"),
    "range.from": ("From", "起", "Desde"),
    "range.to": ("To", "迄", "Hasta"),
    "range.apply": ("Show", "顯示", "Mostrar"),
    "live": ("Live", "即時", "En vivo"),
    "live.toggle": ("Live updates", "即時更新", "Actualización en vivo"),
    "live.paused": ("Paused", "已暫停", "En pausa"),
    "live.connecting": ("Connecting", "連線中", "Conectando"),
    "live.lost": ("Connection lost", "連線中斷", "Sin conexión"),
    "live.stale": ("No new data", "無新資料", "Sin datos nuevos"),
    "live.range": ("Fixed range", "固定區間", "Rango fijo"),
    "age.now": ("now", "剛剛", "ahora"),
    "age.s": ("{n} s ago", "{n} 秒前", "hace {n} s"),
    "age.min": ("{n} min ago", "{n} 分前", "hace {n} min"),
    "age.h": ("{n} h ago", "{n} 小時前", "hace {n} h"),
    "age.d": ("{n} d ago", "{n} 天前", "hace {n} d"),
    "age.never": ("never heard", "從未收到", "sin noticias"),
    "alarms": ("Alarms", "告警", "Alarmas"),
    "alarms.none": ("No active alarms", "無告警", "Sin alarmas activas"),
    "alarms.active": ("{n} active alarms", "{n} 個告警", "{n} alarmas activas"),
    "alarms.list": ("Active alarms", "現行告警", "Alarmas activas"),
    "alarms.unknown": ("Alarms cannot be read", "無法讀取告警", "No se pueden leer las alarmas"),
    "severity.info": ("Info", "資訊", "Información"),
    "severity.warning": ("Warning", "警告", "Aviso"),
    "severity.alarm": ("Alarm", "告警", "Alarma"),
    "severity.protection": ("Protection", "保護", "Protección"),
    "theme": ("Light or dark", "淺色或深色", "Claro u oscuro"),
    "theme.dark": ("Dark", "深色", "Oscuro"),
    "theme.light": ("Light", "淺色", "Claro"),
    "language": ("Language", "語言", "Idioma"),
    "language.en": ("English", "English", "English"),
    "language.zh-TW": ("繁體中文", "繁體中文", "繁體中文"),
    "language.es": ("Español", "Español", "Español"),
    "login": ("Log in", "登入", "Iniciar sesión"),
    "logout": ("Log out", "登出", "Cerrar sesión"),
    "login.user": ("User name", "使用者名稱", "Usuario"),
    "login.password": ("Password", "密碼", "Contraseña"),
    "login.show": ("Show password", "顯示密碼", "Mostrar contraseña"),
    "login.lead": ("Operations of battery storage and solar plants", "儲能與太陽能電廠營運", "Operación de baterías y plantas solares"),
    "login.wrong": ("User name or password is wrong.", "使用者名稱或密碼錯誤。", "Usuario o contraseña incorrectos."),
    "login.many": (
        "Too many attempts. Wait a minute and try again.",
        "嘗試次數過多，請稍候再試。",
        "Demasiados intentos. Espere un minuto.",
    ),
    "login.down": (
        "The server does not answer. Try again soon.",
        "伺服器無回應，請稍後再試。",
        "El servidor no responde. Inténtelo pronto.",
    ),
    "login.script": ("Logging in needs JavaScript.", "登入需要 JavaScript。", "Para entrar hace falta JavaScript."),
    "simulated": ("Simulated", "模擬資料", "Simulado"),
    "simulated.note": ("These values come from the simulated plant", "這些數值來自模擬電廠", "Estos valores son de la planta simulada"),
    "panel.full": ("Full screen", "全螢幕", "Pantalla completa"),
    "panel.close": ("Close full screen", "離開全螢幕", "Salir de pantalla completa"),
    "panel.loading": ("Loading", "載入中", "Cargando"),
    "panel.empty": ("No data in this window", "此區間沒有資料", "Sin datos en esta ventana"),
    "panel.empty.now": ("Nothing of this kind is reported", "未回報此類資料", "No se informa nada de este tipo"),
    "panel.empty.try": (
        "Choose a longer window, or send readings:",
        "請選擇較長的區間，或傳送讀值：",
        "Elija una ventana más larga o envíe lecturas:",
    ),
    "panel.error": ("This panel could not be drawn", "無法繪製此面板", "No se pudo dibujar este panel"),
    "panel.error.store": ("The store does not answer", "資料庫無回應", "El almacén no responde"),
    "panel.error.other": ("The rest of the page keeps working.", "頁面其他部分不受影響。", "El resto de la página sigue funcionando."),
    "panel.trace": ("Trace", "追蹤碼", "Traza"),
    "empty.title": ("No device has reported yet", "尚無設備回報", "Ningún equipo ha informado aún"),
    "empty.lead": (
        "Send a first reading and it appears here within a second:",
        "傳送第一筆讀值，一秒內就會顯示在此：",
        "Envíe una primera lectura y aparecerá aquí en un segundo:",
    ),
    "empty.title.bess": ("No battery unit has reported yet", "尚無電池單元回報", "Ninguna unidad de batería ha informado aún"),
    "empty.title.inverter": ("No inverter has reported yet", "尚無逆變器回報", "Ningún inversor ha informado aún"),
    "empty.title.vehicle": ("No vehicle has reported yet", "尚無車輛回報", "Ningún vehículo ha informado aún"),
    "empty.import": (
        "Or read files of a logger or an archive into the store, while the server runs:",
        "或在伺服器執行時，匯入記錄器或歷史檔案：",
        "O importe archivos de un registrador o histórico, con el servidor en marcha:",
    ),
    "empty.demo": (
        "Or start with a simulated plant (every value says so):",
        "或先從模擬電廠開始（所有數值均會標示）：",
        "O empiece con una planta simulada (cada valor lo indica):",
    ),
    "note.query": (
        "Part of this link makes no sense and was left out: {names}",
        "此連結有部分內容無效，已忽略：{names}",
        "Una parte de este enlace no tiene sentido y se ha omitido: {names}",
    ),
    "note.close": ("Dismiss", "關閉", "Descartar"),
    "missing.title": ("There is no such page", "找不到此頁面", "Esa página no existe"),
    "missing.lead": ("Nothing lives at {path}.", "{path} 沒有內容。", "No hay nada en {path}."),
    "missing.back": ("Back to the overview", "回到總覽", "Volver al resumen"),
    "choice.count": ("{n} chosen", "已選 {n} 項", "{n} elegidos"),
    "choice.search": ("Search", "搜尋", "Buscar"),
    "choice.clear": ("Clear selection", "清除選擇", "Borrar selección"),
    "value": ("Value", "數值", "Valor"),
    "all": ("All", "全部", "Todos"),
}


def _merge(*parts: Texts) -> dict[str, tuple[str, str, str]]:
    merged: dict[str, tuple[str, str, str]] = {}
    for part in parts:
        for key, texts in part.items():
            if merged.get(key, texts) != texts:
                raise ValueError(f"interface text '{key}' is written twice")
            merged[key] = texts
    return merged


WORDS: Texts = _merge(
    SHELL,
    words_pages.WORDS,
    words_analysis.WORDS,
    words_anomalies.WORDS,
    words_bess.WORDS,
    words_dataset.WORDS,
    words_power.WORDS,
    words_pv.WORDS,
    words_report.WORDS,
    words_settings.WORDS,
    words_operate.WORDS,
    words_schedule.WORDS,
    words_plans.WORDS,
    words_settlement.WORDS,
    words_files.WORDS,
    words_forecasts.WORDS,
    words_alarms.WORDS,
    words_scope.WORDS,
    words_kiosk.WORDS,
    words_notes.WORDS,
    words_state.WORDS,
    words_twin.WORDS,
    words_explain.WORDS,
    words_explain_inputs.WORDS,
    words_explain_panels.WORDS,
)


def word(key: str, lang: str = "en", **values: object) -> str:
    """The text of `key` in `lang` with `{names}` filled in. A key nobody wrote is plain text and comes back as it is, so device
    names and the like may stand where a word may."""
    texts = WORDS.get(key)
    if texts is None:
        return key
    text = texts[LANGUAGES.index(lang)]
    return text.format(**values) if values else text
