# For CMAKE_PROJECT_INCLUDE: the ROS 2 wheels export targets that name the include folders of the
# machine they were built on. At the end of configure, put this Python's and NumPy's in their place.

function(alike_ros_repair_wheel_paths)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c
      "import numpy, sysconfig; print(sysconfig.get_path('include'), numpy.get_include(), sep=';')"
    OUTPUT_VARIABLE here
    OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY
  )
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(includes MATCHES "/opt/python/")
      list(FILTER includes EXCLUDE REGEX "^/opt/python/")
      set_target_properties(${target} PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${includes};${here}")
    endif()
  endforeach()
endfunction()

cmake_language(DEFER CALL alike_ros_repair_wheel_paths)
