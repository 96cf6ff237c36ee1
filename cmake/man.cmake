# cmake -DJITC=… -DFOLDER=… -P man.cmake: writes a man page for jitc and for each of its commands, as jitc has them.
function(page name)
  execute_process(COMMAND ${JITC} help --man ${ARGN} OUTPUT_FILE ${FOLDER}/${name}.1 COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})
page(jitc)
execute_process(COMMAND ${JITC} help --complete help "" OUTPUT_VARIABLE commands COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\t\n]+\t[^\n]*\n" commands "${commands}")
foreach(line IN LISTS commands)
  string(REGEX REPLACE "\t.*" "" command "${line}")
  page(jitc-${command} ${command})
endforeach()
